//! Runs `gumboot_fuzz::handshake` on what the fuzzer finds: `cargo fuzz run handshake`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| gumboot_fuzz::handshake(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo fuzz run handshake");
}
