//! The broker against a model that is too simple to be wrong: a million random operations, from seeds that are printed.
//!
//! Checked after each: nothing is lost; nothing is delivered twice without `redelivered`; messages of a queue come in
//! order; no transaction happens by half; no bound is passed, credit neither; nobody with credit waits for what is
//! there; a store has been told what a restart must know; and nothing is left when all have gone. Now and then the server
//! ends or crashes, and a broker that is rebuilt from that store goes on. Topics with a history are tried in the same way,
//! in `histories`. To see what a seed does, run it alone:
//! `cargo test -p gumboot-broker-core --test model -- 7`.

#![expect(clippy::print_stdout, reason = "the program tells what it has done")]

mod check;
mod commands;
mod events;
mod histories;
mod model;
mod queues;
mod random;
mod restart;
mod setting;
mod shadow;
mod transactions;
mod world;

use std::{env, panic};

use crate::{histories::Counts, world::World};

const SEEDS: u64 = 500;
const OPERATIONS_PER_SEED: u64 = 2_000;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        println!("model: test");
        return;
    }
    let only = arguments.iter().find_map(|argument| argument.parse().ok());
    let mut filters = arguments.iter().filter(|a| !a.starts_with('-')).peekable();
    if only.is_none() && filters.peek().is_some() && !filters.any(|a| "model".contains(&**a)) {
        return;
    }
    let seeds = only.map_or(1..SEEDS + 1, |seed: u64| seed..seed + 1);
    let (mut deliveries, mut redeliveries, mut dead, mut restarts) = (0, 0, 0, 0);
    for seed in seeds.clone() {
        let mut world = World::new(seed, only.is_some());
        let mut operation = 0;
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            while operation < OPERATIONS_PER_SEED {
                world.step();
                operation += 1;
            }
            world.end();
        }));
        if let Err(payload) = outcome {
            println!("seed {seed} failed at operation {operation}");
            panic::resume_unwind(payload);
        }
        deliveries += world.check.deliveries;
        redeliveries += world.check.redeliveries;
        dead += world.check.dead;
        restarts += world.check.restarts;
    }
    let operations = (seeds.end - seeds.start) * OPERATIONS_PER_SEED;
    println!(
        "model: {operations} operations from seeds {} to {}: {deliveries} deliveries out of queues, {redeliveries} of \
         them redelivered; {dead} dead letters; {restarts} restarts",
        seeds.start,
        seeds.end - 1
    );
    let mut all = Counts::default();
    for seed in seeds {
        let outcome = panic::catch_unwind(|| histories::run(seed));
        let counts = outcome.unwrap_or_else(|payload| {
            println!("seed {seed} failed with histories");
            panic::resume_unwind(payload)
        });
        all.add(&counts);
    }
    println!("histories: {all:?}");
    if only.is_none() {
        all.assert_each_happened();
    }
}
