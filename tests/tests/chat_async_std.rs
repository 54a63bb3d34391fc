//! The chat suite on async-std.

chat_conformance::chat_suite!(chat_conformance::bundled::AsyncStd);
