//! `cargo xtask bench [SCENARIO...]`: servers and what is measured of them, by scenario. Each starts servers, has
//! `gumboot-bench` put load on them, and gives a section of BENCHMARKS.md; [`SCENARIOS`] is the table of all.

mod document;
mod durable;
mod echo;
mod fan_out;
mod figures;
mod idle;
mod machine;
mod matrix;
mod peers;
mod pinned;
mod plot;
mod progress;
mod queue;
mod stomp_servers;

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use serde_json::Value;

use self::document::Section;
use self::pinned::Cores;
use self::stomp_servers::RABBITMQ;
use crate::context::{Context, Failure};
use crate::{process, program};

/// Something that is measured, and told in one section.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The heading of its section.
    title: &'static str,
    /// The longest that it may take, building and installing included.
    bound_minutes: u64,
    run: fn(&Bench<'_>) -> Result<Report, Failure>,
}

/// Every scenario, in the order of the sections.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "echo",
        about: "what an echo costs, beside raw sockets and other WebSocket servers",
        title: "Echo",
        bound_minutes: 60,
        run: echo::run,
    },
    Scenario {
        name: "compressed",
        about: "the same of compressed messages",
        title: "Compressed echo",
        bound_minutes: 30,
        run: echo::run_compressed,
    },
    Scenario {
        name: "tls",
        about: "the same over TLS",
        title: "Echo over TLS",
        bound_minutes: 30,
        run: echo::run_tls,
    },
    Scenario {
        name: "idle",
        about: "memory of connections that wait",
        title: "Idle connections",
        bound_minutes: 30,
        run: idle::run,
    },
    Scenario {
        name: "fan-out",
        about: "one publisher and up to 10,000 subscribers, beside one `send` for each",
        title: "Fan-out",
        bound_minutes: 60,
        run: fan_out::run,
    },
    Scenario {
        name: "queue",
        about: "messages through queues in memory, beside RabbitMQ",
        title: "Queues in memory",
        bound_minutes: 30,
        run: queue::run,
    },
    Scenario {
        name: "durable",
        about: "durable messages, beside RabbitMQ and what the disk can do",
        title: "Durable messages",
        bound_minutes: 60,
        run: durable::run,
    },
];

/// What a scenario has measured, as Markdown.
#[derive(Debug, Default)]
struct Report {
    /// What there is to know of the run beside the machine: versions, what could not be measured; a sentence each.
    remarks: Vec<String>,
    /// Tables, with what they are.
    text: String,
}

/// The remark on a measurement that gave no figures: the row goes without, and all others are still worth having.
fn failed(server: &str, what: &str, failure: Failure) -> String {
    let (Failure::Broken(reason) | Failure::Missing(reason)) = failure;
    format!("FAILED: {server}, {what}: {reason}.")
}

impl Report {
    /// A failure of another server is its own; one of ours has the whole run fail, once all is written.
    fn is_ours_whole(&self) -> Result<(), Failure> {
        let begin = format!("FAILED: {},", peers::Server::Gumboot.name());
        let ours = self
            .remarks
            .iter()
            .find(|remark| remark.starts_with(&begin));
        match ours {
            None => Ok(()),
            Some(remark) => Err(Failure::Broken(remark.clone())),
        }
    }
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    scenarios: Vec<&'static Scenario>,
    /// Whether each scenario takes its short form.
    quick: bool,
    /// The names of the servers that are measured; all, if there are none.
    servers: Vec<String>,
}

impl Asked {
    /// Reads the command line: names of scenarios, `--quick`, and `--servers=NAME,...`. The error says what is
    /// not understood.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        const SERVERS: &str = "--servers=";
        let lists = arguments
            .iter()
            .filter_map(|name| name.strip_prefix(SERVERS));
        let servers = lists.flat_map(|list| list.split(',')).map(str::to_owned);
        let servers: Vec<String> = servers.collect();
        let (flags, names): (Vec<_>, Vec<_>) = arguments
            .iter()
            .filter(|name| !name.starts_with(SERVERS))
            .partition(|name| *name == "--quick");
        let known = |name: &&String| SCENARIOS.iter().any(|scenario| scenario.name == **name);
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            return Err(format!("there is no scenario `{unknown}`"));
        }
        let known = peers::Server::ALL.iter().map(|server| server.name());
        let known: Vec<&str> = known.chain([RABBITMQ]).collect();
        if let Some(unknown) = servers.iter().find(|name| !known.contains(&name.as_str())) {
            let known = known.join(", ");
            return Err(format!("there is no server `{unknown}`, but {known}"));
        }
        let wanted = |scenario: &&Scenario| {
            names.is_empty() || names.iter().any(|name| *name == scenario.name)
        };
        Ok(Self {
            scenarios: SCENARIOS.iter().filter(wanted).collect(),
            quick: !flags.is_empty(),
            servers,
        })
    }

    /// Whether it is all that a section tells; a look at less does not take the place of what is there.
    fn is_published(&self) -> bool {
        !self.quick && self.servers.is_empty()
    }

    /// The command of one scenario, as it is typed.
    fn command(&self, scenario: &Scenario) -> String {
        let quick = if self.quick { " --quick" } else { "" };
        let servers = match self.servers.is_empty() {
            true => String::new(),
            false => format!(" --servers={}", self.servers.join(",")),
        };
        format!("cargo xtask bench {}{quick}{servers}", scenario.name)
    }
}

/// As many files as a server of 10,000 connections may have open; those in Rust do not ask for more by themselves.
const FILES: u64 = 1 << 16;

/// Runs the scenarios one after the other, also after a failure; each writes its section when it is done.
pub(crate) fn run(asked: &Asked) -> ExitCode {
    // Servers inherit it. Where so many are not allowed, what needs them fails, and says so.
    let _ = rlimit::increase_nofile_limit(FILES);
    let mut status = ExitCode::SUCCESS;
    for scenario in &asked.scenarios {
        eprintln!("=== {}: {}", scenario.name, scenario.about);
        let begin = Instant::now();
        match run_one(asked, scenario) {
            Ok(()) => eprintln!("=== {}: {} s", scenario.name, begin.elapsed().as_secs()),
            Err(Failure::Broken(reason) | Failure::Missing(reason)) => {
                eprintln!("xtask: {}: {reason}", scenario.name);
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

fn run_one(asked: &Asked, scenario: &Scenario) -> Result<(), Failure> {
    let cx = Context::discover()?.within(Duration::from_secs(scenario.bound_minutes * 60));
    let bench = Bench::prepare(&cx, scenario, asked)?;
    let machine = machine::describe(&cx)?;
    let before = machine::other_work();
    let begin = Instant::now();
    let report = (scenario.run)(&bench)?;
    let taken = begin.elapsed();
    let section = Section {
        title: scenario.title,
        command: &asked.command(scenario),
        machine: &machine,
        other_work: [before, machine::other_work()],
        taken,
        report: &report,
    };
    let text = section.text();
    print!("\n{text}");
    if !asked.is_published() {
        eprintln!(
            "=== {}: a look only: BENCHMARKS.md stays as it is",
            scenario.name
        );
        return report.is_ours_whole();
    }
    let path = cx.root.join("BENCHMARKS.md");
    let before = document::read(&path)?;
    let titles: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.title).collect();
    fs::write(
        &path,
        document::with_section(&before, &titles, scenario.title, &text),
    )
    .map_err(|error| Failure::Broken(format!("cannot write {}: {error}", path.display())))?;
    report.is_ours_whole()
}

/// What every scenario is given.
#[derive(Debug)]
struct Bench<'a> {
    cx: &'a Context,
    /// Whether the short form is asked for: a few minutes, to see a change, not to publish.
    quick: bool,
    /// As [`Asked::servers`].
    servers: &'a [String],
    /// Where pictures are put, as a path from the root of the work tree if they are published.
    plots: PathBuf,
    /// The program of this work tree, in its release build.
    gumboot: PathBuf,
    /// The program that loads servers.
    load: PathBuf,
    /// Where the servers of this scenario and its loads may write.
    folder: PathBuf,
    cores: Cores,
}

impl<'a> Bench<'a> {
    fn prepare(cx: &'a Context, scenario: &Scenario, asked: &'a Asked) -> Result<Self, Failure> {
        let folder = cx.target.join("bench").join(scenario.name);
        fs::create_dir_all(&folder).map_err(|error| {
            Failure::Broken(format!("cannot create {}: {error}", folder.display()))
        })?;
        Ok(Self {
            cx,
            quick: asked.quick,
            servers: &asked.servers,
            plots: match asked.is_published() {
                true => PathBuf::from("bench/plots"),
                false => folder.clone(),
            },
            gumboot: program::build(cx)?,
            load: program::build_bench(cx)?,
            folder,
            cores: Cores::choose()?,
        })
    }

    /// Whether a server of this name is to be measured.
    fn is_wanted(&self, server: &str) -> bool {
        self.servers.is_empty() || self.servers.iter().any(|wanted| wanted == server)
    }

    /// One measurement: a subcommand of `gumboot-bench` on the core of the load, to be given arguments.
    fn load(&self, subcommand: &str) -> Command {
        let mut command = self.cores.for_load(&self.load);
        command.arg(subcommand);
        command
    }

    /// Runs a load and gives its figures; they are added to `figures.log` in the scenario's folder, with the command. What
    /// it says on standard error is told if it fails, and is in `load.log`.
    fn measure(&self, command: &mut Command) -> Result<Value, Failure> {
        let said = self.folder.join("load.log");
        command.stderr(process::create(&said)?);
        let text = process::capture(self.cx, command).map_err(|failure| {
            let said = fs::read_to_string(&said).unwrap_or_default();
            match (failure, said.trim().lines().last()) {
                (Failure::Broken(reason), Some(said)) => {
                    Failure::Broken(format!("{said} ({reason})"))
                }
                (failure, _) => failure,
            }
        })?;
        let line = format!("{}: {}\n", process::shown(command), text.trim());
        let path = self.folder.join("figures.log");
        let log = File::options().create(true).append(true).open(&path);
        log.and_then(|mut log| log.write_all(line.as_bytes()))
            .map_err(|error| {
                Failure::Broken(format!("cannot write {}: {error}", path.display()))
            })?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::Broken(format!("no figures: {error}: {text}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Result<(Vec<&'static str>, bool), String> {
        let arguments: Vec<String> = arguments.iter().map(|&name| name.to_owned()).collect();
        let asked = Asked::parse(&arguments)?;
        let names = asked.scenarios.iter().map(|scenario| scenario.name);
        Ok((names.collect(), asked.quick))
    }

    #[test]
    fn without_names_all_are_measured() {
        let all = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names(&["--quick"]), Ok((all, true)));
        assert_eq!(names(&["durable"]), Ok((vec!["durable"], false)));
        let unknown = "there is no scenario `durables`".to_owned();
        assert_eq!(names(&["durable", "durables"]), Err(unknown));
    }

    #[test]
    fn servers_that_are_not_known_are_refused() {
        for list in ["gumbot", "gumboot,", "", "gumboot,bun,Ws"] {
            let error = names(&["echo", &format!("--servers={list}")]).expect_err(list);
            let name = list.rsplit(',').next().unwrap_or(list);
            assert!(
                error.starts_with(&format!("there is no server `{name}`, but raw-epoll, ")),
                "{error}"
            );
        }
        assert!(names(&["idle", "--servers=frames-tokio,rabbitmq"]).is_ok());
    }

    #[test]
    fn a_look_is_not_published() {
        for (arguments, expected) in [
            (&["echo"][..], true),
            (&["echo", "--quick"], false),
            (&["--servers=gumboot"], false),
        ] {
            let arguments: Vec<String> = arguments.iter().map(|&name| name.to_owned()).collect();
            let asked = Asked::parse(&arguments).expect("all is known");
            assert_eq!(asked.is_published(), expected, "{arguments:?}");
        }
    }

    #[test]
    fn only_a_failure_of_ours_has_the_run_fail() {
        let broken = || Failure::Broken("it has ended".to_owned());
        let mut report = Report::default();
        report.remarks.push(failed("bun", "1 KiB", broken()));
        assert!(report.is_ours_whole().is_ok());
        report.remarks.push(failed("gumboot", "1 KiB", broken()));
        let Err(Failure::Broken(reason)) = report.is_ours_whole() else {
            panic!("it is whole");
        };
        assert_eq!(reason, "FAILED: gumboot, 1 KiB: it has ended.");
    }

    #[test]
    fn a_section_names_the_command_that_writes_it() {
        let arguments = ["--servers=gumboot,bun", "tls", "--quick"].map(str::to_owned);
        let asked = Asked::parse(&arguments).expect("all is known");
        let command = asked.command(asked.scenarios[0]);
        assert_eq!(
            command,
            "cargo xtask bench tls --quick --servers=gumboot,bun"
        );
    }
}
