//! Where the project is, where it builds, and until when a step may run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why a step is not green.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something was tested and found wrong.
    Broken(String),
    /// What the step needs cannot be had on this machine, so nothing was tested.
    Missing(String),
}

impl Failure {
    /// Turns a failed installation into [`Failure::Missing`].
    pub(crate) fn into_missing(self) -> Self {
        match self {
            Self::Broken(reason) | Self::Missing(reason) => Self::Missing(reason),
        }
    }
}

/// A green step, with the lines that a reader of the summary must not miss.
pub(crate) type Outcome = Result<Vec<String>, Failure>;

/// What every step is given.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The root of the work tree.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, which also takes everything that the tests install.
    pub(crate) target: PathBuf,
    /// The end of the running step's time.
    pub(crate) deadline: Instant,
}

impl Context {
    /// Finds the work tree and asks cargo where it builds.
    pub(crate) fn discover() -> Result<Self, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("xtask is a folder of the work tree")
            .to_owned();
        let mut cx = Self {
            target: root.join("target"),
            root,
            deadline: Instant::now(),
        };
        let metadata = cx.within(Duration::from_secs(60)).metadata()?;
        if let Some(target) = metadata["target_directory"].as_str() {
            cx.target = target.into();
        }
        Ok(cx)
    }

    /// The same context with a new deadline.
    pub(crate) fn within(&self, bound: Duration) -> Self {
        Self {
            deadline: Instant::now() + bound,
            ..self.clone()
        }
    }

    /// What is left of the step's time.
    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// What the tests install and write.
    pub(crate) fn peers(&self) -> PathBuf {
        self.target.join("peers")
    }

    /// A file for the output of a command that says too much for the screen.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.peers().join("log").join(format!("{name}.log"))
    }
}

/// In CI nothing may be left out: what is missing there is a failure.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}
