//! The conformance suite on async-std.

chat_conformance::runtime_suite!(chat_conformance::bundled::AsyncStd);
