//! Runs `gumboot_fuzz::ws_operations` on what the fuzzer finds: `cargo fuzz run ws_operations`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| gumboot_fuzz::ws_operations(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo fuzz run ws_operations");
}
