//! The client against a RabbitMQ that really runs, over TCP and over WebSocket. `cargo xtask test rabbitmq` starts one and
//! runs this; a run that is not told of any says so, and tests nothing.

use std::{env, panic, pin::Pin, process::ExitCode, time::Duration};

use tokio::{runtime::Builder, time::timeout};

use crate::rabbit::{At, Rabbit, Way};

mod acknowledgement;
mod losses;
mod messages;
mod rabbit;
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

/// Each runs over each way, one after the other.
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
    acknowledgement::refused_brings_it_again,
    acknowledgement::bounds_what_is_under_way,
    acknowledgement::in_a_transaction,
    losses::a_server_that_was_stopped,
    losses::connections_that_were_closed,
];

fn main() -> ExitCode {
    let Some(rabbit) = Rabbit::named() else {
        println!(
            "\nNOT RUN: the client against RabbitMQ, for {} does not say where one is.\n\
             Run these tests with: cargo xtask test rabbitmq\n",
            rabbit::STOMP_VARIABLE
        );
        return ExitCode::SUCCESS;
    };
    let wanted = env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let wanted = wanted.unwrap_or_default();
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, case) in CASES.iter().filter(|(name, _)| name.contains(&wanted)) {
        for way in [Way::Stream, Way::WebSocket] {
            print!("test {name} ({way:?}) ... ");
            let at = At::new(&rabbit, name, way);
            if run(case(at)) {
                println!("ok");
                passed += 1;
            } else {
                println!("FAILED");
                failed.push(format!("{name} ({way:?})"));
            }
        }
    }
    println!("\nRabbitMQ: {passed} passed, {} failed", failed.len());
    failed.iter().for_each(|name| println!("    {name}"));
    match (passed, failed.is_empty()) {
        // A run of no case must not be green.
        (1.., true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
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
