//! The client against RabbitMQ and ActiveMQ as they really run. `cargo xtask test rabbitmq activemq` starts them and runs
//! this; a run that is not told of one says so, and tests nothing with it.

use std::{env, panic, pin::Pin, process::ExitCode, time::Duration};

use tokio::{runtime::Builder, time::timeout};

use crate::other::{At, Kind, Other};

mod acknowledgement;
mod losses;
mod messages;
mod other;
mod relay;
mod sessions;

/// Longer than any case takes.
const CASE_BOUND: Duration = Duration::from_secs(120);

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A case, and its name.
type Case = (&'static str, fn(At) -> Running);

macro_rules! cases {
    ($($file:ident :: $case:ident),* $(,)?) => {
        &[$((concat!(stringify!($file), "::", stringify!($case)), |at| Box::pin($file::$case(at)))),*]
    };
}

/// Each runs with each server over each of its ways, one after the other.
const CASES: &[Case] = cases![
    sessions::a_version_is_agreed_on,
    sessions::a_wrong_password_is_refused,
    sessions::a_refused_subscription_is_told,
    sessions::beats_keep_an_idle_session,
    messages::of_a_queue_come_once_in_order,
    messages::of_a_topic_come_to_all,
    messages::are_bytes,
    messages::have_headers_with_anything_in_them,
    acknowledgement::of_all_up_to_one,
    acknowledgement::of_single_ones,
    acknowledgement::refused_brings_it_again_or_gives_it_up,
    acknowledgement::bounds_what_is_under_way,
    acknowledgement::in_a_transaction,
    losses::connections_that_were_cut,
];

/// These stop the server.
const STOPPING_CASES: &[Case] = cases![
    losses::a_server_that_was_stopped,
    losses::connections_that_were_closed,
];

fn main() -> ExitCode {
    let wanted = env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let wanted = wanted.unwrap_or_default();
    let mut is_good = true;
    for kind in Kind::ALL {
        match kind.named() {
            Some(other) => is_good &= run_all(&other, &wanted),
            None => println!(
                "\nNOT RUN: the client with {name}, for {} does not say where one is.\n\
                 Run these tests with: cargo xtask test {}",
                kind.variable(),
                kind.name().to_lowercase(),
                name = kind.name(),
            ),
        }
    }
    println!();
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether all cases are well whose names contain `wanted`, and there was one.
fn run_all(other: &Other, wanted: &str) -> bool {
    let (mut passed, mut failed) = (0, Vec::new());
    let stopping = STOPPING_CASES.iter().filter(|_| other.can_be_stopped());
    for (name, case) in CASES.iter().chain(stopping) {
        if !name.contains(wanted) {
            continue;
        }
        for &way in other.ways() {
            print!("test {name} ({way:?}) ... ");
            if run(case(At::new(other, name, way))) {
                println!("ok");
                passed += 1;
            } else {
                println!("FAILED");
                failed.push(format!("{name} ({way:?})"));
            }
        }
    }
    println!(
        "\n{}: {passed} passed, {} failed",
        other.kind.name(),
        failed.len()
    );
    failed.iter().for_each(|name| println!("    {name}"));
    passed > 0 && failed.is_empty()
}

/// Whether a case ends in time and without a panic, which says what is wrong.
fn run(case: Running) -> bool {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be had");
    let ended = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            timeout(CASE_BOUND, case)
                .await
                .expect("the case ends in time");
        });
    }));
    runtime.shutdown_background();
    ended.is_ok()
}
