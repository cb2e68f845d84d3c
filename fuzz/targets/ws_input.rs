//! Runs `gumboot_fuzz::ws_input` on what the fuzzer finds: `cargo fuzz run ws_input`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| gumboot_fuzz::ws_input(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo fuzz run ws_input");
}
