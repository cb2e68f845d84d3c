//! What the tests with real peers need, installed once into the target folder.
//!
//! Each function gives what is there already, or installs it. A stamp beside an installation holds the
//! list it was made from, so that a changed list installs anew.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::context::{Context, Failure};
use crate::process;

/// The last virtualenv that can make environments for CPython 2.7.
const VIRTUALENV: &str = "virtualenv<20.22";

const AUTOBAHN: &str = "autobahntestsuite==25.10.1";

/// Names a CPython 2.7 for the Autobahn Testsuite, which runs on no other.
const PYTHON2_VARIABLE: &str = "GUMBOOT_PYTHON2";

/// Names the browser, where it is not Debian's.
const CHROMIUM_VARIABLE: &str = "GUMBOOT_CHROMIUM";

/// The folder `node_modules` with the packages of peers/package-lock.json.
pub(crate) fn node_modules(cx: &Context) -> Result<PathBuf, Failure> {
    npm_packages(cx, "peers", "npm")
}

/// The folder `node_modules` with the packages of the lock file in the folder `list`, installed below the folder `name`.
pub(crate) fn npm_packages(cx: &Context, list: &str, name: &str) -> Result<PathBuf, Failure> {
    ensure_program(cx, "node", &["nodejs"])?;
    let list = cx.root.join(list);
    let folder = cx.peers().join(name);
    let modules = folder.join("node_modules");
    once(
        &folder.join("installed.txt"),
        &read(&list.join("package-lock.json"))?,
        || {
            ensure_program(cx, "npm", &["npm"])?;
            for file in [".npmrc", "package.json", "package-lock.json"] {
                write(&folder.join(file), &read(&list.join(file))?)?;
            }
            process::run_logged(cx, name, Command::new("npm").arg("ci").current_dir(&folder))
        },
    )?;
    Ok(modules)
}

/// A Python 3 with the packages of peers/python/requirements.txt.
pub(crate) fn python(cx: &Context) -> Result<PathBuf, Failure> {
    let folder = cx.peers().join("venv");
    let python = folder.join("bin/python");
    let list = cx.root.join("peers/python/requirements.txt");
    once(&folder.join("installed.txt"), &read(&list)?, || {
        make_environment(cx, &folder)?;
        pip(cx, &python, &["-r", &list.to_string_lossy()])
    })?;
    Ok(python)
}

/// The CPython 2.7 of an environment that has the Autobahn Testsuite.
pub(crate) fn autobahn(cx: &Context) -> Result<PathBuf, Failure> {
    let folder = cx.peers().join("autobahn-venv");
    let python = folder.join("bin/python");
    once(&folder.join("installed.txt"), AUTOBAHN, || {
        let python2 = python2(cx)?;
        let maker = cx.peers().join("virtualenv");
        make_environment(cx, &maker)?;
        pip(cx, &maker.join("bin/python"), &[VIRTUALENV])?;
        let mut make = Command::new(maker.join("bin/virtualenv"));
        make.arg("--quiet")
            .arg("--clear")
            .arg("-p")
            .arg(&python2)
            .arg(&folder);
        process::run_logged(cx, "virtualenv", &mut make)?;
        pip(cx, &python, &[AUTOBAHN])
    })?;
    Ok(python)
}

/// Debian's Chromium, with fonts to draw text.
pub(crate) fn chromium(cx: &Context) -> Result<PathBuf, Failure> {
    if let Some(path) = std::env::var_os(CHROMIUM_VARIABLE) {
        return Ok(path.into());
    }
    openssl(cx)?;
    let path = Path::new("/usr/bin/chromium");
    if !path.exists() {
        apt(cx, &["chromium", "fonts-liberation"])?;
    }
    Ok(path.into())
}

/// The program `openssl`, which makes the certificates of the tests of TLS.
pub(crate) fn openssl(cx: &Context) -> Result<(), Failure> {
    if process::runs(cx, "openssl", "version") {
        Ok(())
    } else {
        apt(cx, &["openssl"])
    }
}

/// Debian's valgrind, which counts what a program does.
pub(crate) fn valgrind(cx: &Context) -> Result<(), Failure> {
    ensure_program(cx, "valgrind", &["valgrind"])?;
    // Where it is a program of its own package.
    ensure_program(cx, "taskset", &["util-linux"])
}

/// Debian's RabbitMQ.
pub(crate) fn rabbitmq(cx: &Context) -> Result<(), Failure> {
    service(
        cx,
        "rabbitmq-server",
        "/usr/lib/rabbitmq/bin/rabbitmq-server",
    )
}

/// Debian's ActiveMQ.
pub(crate) fn activemq(cx: &Context) -> Result<(), Failure> {
    service(cx, "activemq", "/usr/share/activemq/bin/activemq.jar")
}

/// A package of which only the program is wanted: its service is neither started nor enabled.
fn service(cx: &Context, package: &str, program: &str) -> Result<(), Failure> {
    if Path::new(program).exists() {
        return Ok(());
    }
    let policy = NoServices::begin(package)?;
    let installed = apt(cx, &[package]);
    drop(policy);
    installed?;
    let mut disable = Command::new("update-rc.d");
    process::run_logged(cx, "update-rc.d", disable.args([package, "disable"]))
}

/// While it lives, installing a package starts no service, by Debian's `policy-rc.d`.
#[derive(Debug)]
struct NoServices {
    /// Without, the system has a policy of its own.
    path: Option<&'static Path>,
}

impl NoServices {
    fn begin(package: &str) -> Result<Self, Failure> {
        let path = Path::new("/usr/sbin/policy-rc.d");
        if path.exists() {
            return Ok(Self { path: None });
        }
        // 101: the action is forbidden.
        write(path, "#!/bin/sh\nexit 101\n")
            .map_err(|_| Failure::Missing(format!("as root, run: apt-get install {package}")))?;
        let policy = Self { path: Some(path) };
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|error| {
            Failure::Broken(format!(
                "cannot make {} executable: {error}",
                path.display()
            ))
        })?;
        Ok(policy)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(path) = self.path
            && let Err(error) = fs::remove_file(path)
        {
            eprintln!("xtask: remove {}: {error}", path.display());
        }
    }
}

/// Makes a Python 3 environment; Debian keeps the module for that in a package of its own.
fn make_environment(cx: &Context, folder: &Path) -> Result<(), Failure> {
    ensure_program(cx, "python3", &["python3", "python3-venv"])?;
    let make = || {
        let mut command = Command::new("python3");
        command.args(["-m", "venv", "--clear"]).arg(folder);
        process::run_logged(cx, "venv", &mut command)
    };
    make().or_else(|_| apt(cx, &["python3-venv"]).and_then(|()| make()))
}

fn pip(cx: &Context, python: &Path, packages: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--disable-pip-version-check"])
        .args(packages);
    process::run_logged(cx, "pip", &mut command)
}

/// A CPython 2.7 that really runs: a shim in PATH may be there and do nothing.
fn python2(cx: &Context) -> Result<PathBuf, Failure> {
    let named = std::env::var_os(PYTHON2_VARIABLE).map(PathBuf::from);
    let found = named
        .into_iter()
        .chain(pyenv_pythons())
        .chain(["python2.7".into()]);
    if let Some(path) = found
        .into_iter()
        .find(|path| process::runs(cx, path, "--version"))
    {
        return Ok(path);
    }
    // Debian had it until bullseye.
    apt(cx, &["python2.7", "python2.7-dev"]).map_err(|_| {
        Failure::Missing(format!(
            "no CPython 2.7, which the Autobahn Testsuite needs: install one (pyenv has it) \
             or name it in {PYTHON2_VARIABLE}"
        ))
    })?;
    Ok("python2.7".into())
}

fn pyenv_pythons() -> Vec<PathBuf> {
    let home = std::env::home_dir().unwrap_or_default();
    let versions = fs::read_dir(home.join(".pyenv/versions"))
        .into_iter()
        .flatten()
        .flatten();
    let versions = versions.map(|version| version.path());
    versions
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("2.7"))
        })
        .map(|path| path.join("bin/python2.7"))
        .collect()
}

fn ensure_program(cx: &Context, program: &str, packages: &[&str]) -> Result<(), Failure> {
    if process::runs(cx, program, "--version") {
        Ok(())
    } else {
        apt(cx, packages)
    }
}

/// Installs Debian packages, which only root can.
fn apt(cx: &Context, packages: &[&str]) -> Result<(), Failure> {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["--quiet", "--yes"])
            .args(arguments);
        process::run_logged(cx, "apt", &mut command)
    };
    let install = [&["install", "--no-install-recommends"], packages].concat();
    apt(&["update"]).and_then(|()| apt(&install)).map_err(|_| {
        Failure::Missing(format!(
            "as root, run: apt-get install {}",
            packages.join(" ")
        ))
    })
}

/// Runs `install` unless the stamp says that it ran for this list.
fn once(
    stamp: &Path,
    list: &str,
    install: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    if fs::read_to_string(stamp).is_ok_and(|installed| installed == list) {
        return Ok(());
    }
    install().map_err(Failure::into_missing)?;
    write(stamp, list)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::Broken(format!("cannot read {}: {error}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().expect("a file has a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| Failure::Broken(format!("cannot write {}: {error}", path.display())))
}
