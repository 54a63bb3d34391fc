//! The chat suite on tokio.

mod multi_thread {
    chat_conformance::chat_suite!(chat_conformance::bundled::TokioMultiThread);
}

mod current_thread {
    chat_conformance::chat_suite!(chat_conformance::bundled::TokioCurrentThread);
}
