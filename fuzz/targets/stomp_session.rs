//! Runs `gumboot_fuzz::stomp_session` on what the fuzzer finds: `cargo fuzz run stomp_session`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| gumboot_fuzz::stomp_session(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo fuzz run stomp_session");
}
