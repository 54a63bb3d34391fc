//! libFuzzer on [`chat_fuzz::text`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chat_fuzz::text(data));
