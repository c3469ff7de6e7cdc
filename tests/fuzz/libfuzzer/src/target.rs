//! libFuzzer, looking for bytes that break a promise of `fuzz::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::target(bytes));
