//! Runs `gumboot_fuzz::deflate` on what the fuzzer finds: `cargo fuzz run deflate`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| gumboot_fuzz::deflate(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo fuzz run deflate");
}
