//! The conformance suite on tokio.

mod multi_thread {
    chat_conformance::runtime_suite!(chat_conformance::bundled::TokioMultiThread);
}

mod current_thread {
    chat_conformance::runtime_suite!(chat_conformance::bundled::TokioCurrentThread);
}

mod callers_handle {
    chat_conformance::runtime_suite!(chat_conformance::bundled::TokioHandle);
}
