//! libFuzzer on [`chat_fuzz::json`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chat_fuzz::json(data));
