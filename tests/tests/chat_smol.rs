//! The chat suite on smol.

mod global_executor {
    chat_conformance::chat_suite!(chat_conformance::bundled::SmolGlobal);
}

mod own_executor {
    chat_conformance::chat_suite!(chat_conformance::bundled::SmolExecutor);
}
