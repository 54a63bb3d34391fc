//! libFuzzer on [`chat_fuzz::client`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chat_fuzz::client(data));
