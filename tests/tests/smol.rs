//! The conformance suite on smol.

mod global_executor {
    chat_conformance::runtime_suite!(chat_conformance::bundled::SmolGlobal);
}

mod own_executor {
    chat_conformance::runtime_suite!(chat_conformance::bundled::SmolExecutor);
}
