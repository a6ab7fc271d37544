#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| waygate_fuzz::ofrep(bytes));
