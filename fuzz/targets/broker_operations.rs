//! Runs `gumboot_fuzz::broker_operations` on what the fuzzer finds: `cargo fuzz run broker_operations`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| gumboot_fuzz::broker_operations(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo fuzz run broker_operations");
}
