//! libFuzzer, looking for bytes that break a promise of `fuzz::range`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::range(bytes));
