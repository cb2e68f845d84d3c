//! Runs `gumboot_fuzz::stomp_decode` on what the fuzzer finds: `cargo fuzz run stomp_decode`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| gumboot_fuzz::stomp_decode(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo fuzz run stomp_decode");
}
