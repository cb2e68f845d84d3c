//! The step `costs`: what a message and an idle connection cost the built program, held against `costs/bounds.toml`.

use std::process::Command;

use crate::context::{Context, Outcome};
use crate::{install, process, program};

pub(crate) fn check(cx: &Context) -> Outcome {
    install::valgrind(cx)?;
    let mut command = Command::new(program::build_costs(cx)?);
    command.arg("--program").arg(program::build(cx)?);
    command
        .arg("--bounds")
        .arg(cx.root.join("costs/bounds.toml"));
    let folder = cx.peers().join("costs");
    command.arg("--folder").arg(&folder);
    process::run(cx, &mut command)?;
    Ok(vec![format!("profiles: {}", folder.display())])
}
