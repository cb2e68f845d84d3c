//! The project's own rules, held against the files of the work tree.
//!
//! Every source file opens with a `//!`, the crates depend on each other one way only, no work is left
//! marked as undone, and every relative link in a document leads somewhere.

use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use serde_json::Value;

use crate::context::{Context, Failure, Outcome};
use crate::process;

/// Which of our crates each of our crates may use, as ARCHITECTURE.md draws it. A dev-dependency may
/// also reach what lies below these, and the test kit.
const MAY_USE: &[(&str, &[&str])] = &[
    (
        "gumboot",
        &[
            "gumboot-broker",
            "gumboot-stomp",
            "gumboot-store",
            "gumboot-store-fjall",
            "gumboot-websocket",
        ],
    ),
    ("gumboot-bench", &[]),
    (
        "gumboot-broker",
        &[
            "gumboot-broker-core",
            "gumboot-stomp-proto",
            "gumboot-store",
            "gumboot-websocket",
        ],
    ),
    ("gumboot-broker-core", &[]),
    ("gumboot-costs", &["gumboot-testkit"]),
    (
        "gumboot-fuzz",
        &[
            "gumboot-broker-core",
            "gumboot-stomp-proto",
            "gumboot-websocket-proto",
        ],
    ),
    ("gumboot-interop", &["gumboot-websocket"]),
    (
        "gumboot-stomp",
        &["gumboot-stomp-proto", "gumboot-websocket"],
    ),
    ("gumboot-stomp-proto", &[]),
    ("gumboot-store", &[]),
    ("gumboot-store-fjall", &["gumboot-store"]),
    ("gumboot-testkit", &[]),
    ("gumboot-websocket", &["gumboot-websocket-proto"]),
    ("gumboot-websocket-proto", &[]),
    ("xtask", &[]),
];

/// What only tests may use.
const TEST_KIT: &str = "gumboot-testkit";

/// Marks of unfinished work, written so that this file has none.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];

pub(crate) fn check(cx: &Context) -> Outcome {
    let files = files(cx)?;
    let mut problems = Vec::new();
    for path in &files {
        let Some(text) = text(&cx.root.join(path))? else {
            continue;
        };
        problems.extend(check_file(&cx.root, path, &text));
    }
    problems.extend(dependency_problems(&cx.metadata()?));
    println!("{} files", files.len());
    if problems.is_empty() {
        Ok(vec![])
    } else {
        Err(Failure::Broken(problems.join("\n")))
    }
}

/// The files that are committed, or would be.
fn files(cx: &Context) -> Result<Vec<PathBuf>, Failure> {
    let arguments = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let names = process::capture(
        cx,
        Command::new("git").current_dir(&cx.root).args(arguments),
    )?;
    Ok(names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .collect())
}

/// A file's text; none if it is gone or is not text.
fn text(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::Broken(format!(
            "cannot read {}: {error}",
            path.display()
        ))),
    }
}

fn check_file(root: &Path, path: &Path, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if is_our_source(path) && !text.starts_with("//!") {
        problems.push("does not open with `//!`".to_owned());
    }
    if !is_lock_file(path) {
        problems.extend(mark_problems(text));
    }
    if path.extension().is_some_and(|extension| extension == "md") {
        let folder = path.parent().expect("a file has a folder");
        let broken = links(text)
            .into_iter()
            .filter(|link| !resolves(root, folder, link));
        problems.extend(broken.map(|link| format!("the link `{link}` leads nowhere")));
    }
    problems
        .iter()
        .map(|problem| format!("{}: {problem}", path.display()))
        .collect()
}

/// Whether this is a source file of a crate or of xtask, not a test or an example.
fn is_our_source(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    let is_ours = matches!(
        parts[..],
        ["crates", _, "src", ..] | ["bench" | "costs" | "xtask", "src", ..]
    );
    is_ours && path.extension().is_some_and(|extension| extension == "rs")
}

/// Lock files hold checksums, in which any word may occur.
fn is_lock_file(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name == "Cargo.lock" || name == "package-lock.json")
}

fn mark_problems(text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let marked = lines.filter(|(_, line)| MARKS.iter().any(|mark| line.contains(mark)));
    marked
        .map(|(index, line)| format!("line {}: `{}`", index + 1, line.trim()))
        .collect()
}

/// The relative links of a Markdown text, without their fragments; code is not looked at.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            found.extend(links_of_line(line));
        }
    }
    found
}

fn links_of_line(line: &str) -> Vec<String> {
    // Every second piece stands between backticks.
    let prose: String = line.split('`').step_by(2).collect();
    let pieces = prose
        .split("](")
        .skip(1)
        .filter_map(|piece| piece.split_once(')'));
    let targets = pieces.map(|(target, _)| target.split([' ', '#']).next().unwrap_or_default());
    let relative = targets.filter(|target| !target.is_empty() && !is_absolute(target));
    relative.map(str::to_owned).collect()
}

fn is_absolute(target: &str) -> bool {
    ["http:", "https:", "mailto:", "ws:", "wss:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
}

/// Whether a link from a file in `folder` leads to something inside the work tree.
fn resolves(root: &Path, folder: &Path, link: &str) -> bool {
    let path = folder.join(link);
    let mut depth = 0_i32;
    for component in path.components() {
        match component {
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
        if depth < 0 {
            return false;
        }
    }
    root.join(path).exists()
}

/// Holds `cargo metadata` against [`MAY_USE`].
fn dependency_problems(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    packages.iter().flat_map(package_problems).collect()
}

fn package_problems(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some(allowed) = may_use(name) else {
        return vec![format!(
            "{name}: not in the table of crates in xtask/src/tidy.rs"
        )];
    };
    let dependencies = package["dependencies"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let ours = dependencies
        .iter()
        .filter(|dependency| dependency["path"].is_string());
    ours.filter_map(|dependency| {
        let used = dependency["name"].as_str().unwrap_or_default();
        let for_tests = dependency["kind"] == "dev";
        let fine = if for_tests {
            used == TEST_KIT || used == name || lies_below(name, used)
        } else {
            allowed.contains(&used)
        };
        let kind = if for_tests {
            "dev-dependency"
        } else {
            "dependency"
        };
        (!fine).then(|| format!("{name}: {used} is not allowed as a {kind}"))
    })
    .collect()
}

fn may_use(name: &str) -> Option<&'static [&'static str]> {
    MAY_USE
        .iter()
        .find(|(crate_name, _)| *crate_name == name)
        .map(|(_, allowed)| *allowed)
}

fn lies_below(name: &str, used: &str) -> bool {
    let allowed = may_use(name).unwrap_or_default();
    allowed
        .iter()
        .any(|direct| *direct == used || lies_below(direct, used))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(path: &str, text: &str) -> Vec<String> {
        check_file(Path::new("/nowhere"), Path::new(path), text)
    }

    #[test]
    fn a_source_file_opens_with_what_it_is() {
        let expected = ["crates/a/src/b/c.rs: does not open with `//!`"];
        assert_eq!(problems("crates/a/src/b/c.rs", "fn main() {}"), expected);
        assert_eq!(problems("xtask/src/main.rs", "use x;").len(), 1);
        assert!(problems("crates/a/src/b/c.rs", "//! C.\n").is_empty());
        assert!(problems("crates/a/tests/b.rs", "fn main() {}").is_empty());
    }

    #[test]
    fn unfinished_work_is_found_but_not_in_checksums() {
        let text = format!("a\n  // {} later\n", MARKS[0]);
        assert_eq!(
            problems("a.txt", &text),
            [format!("a.txt: line 2: `// {} later`", MARKS[0])]
        );
        assert!(problems("peers/package-lock.json", &text).is_empty());
    }

    #[test]
    fn links_are_read_outside_of_code() {
        let text = "[`a`](b.md#c), `[x](y)` and [d](e/f.md \"title\")\n```\n[x](y)\n```\n[h](https://h/) [i](#i)";
        assert_eq!(links(text), ["b.md", "e/f.md"]);
    }

    #[test]
    fn a_link_must_stay_inside_and_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("xtask has a parent");
        assert!(resolves(root, Path::new("xtask"), "../Cargo.toml"));
        assert!(!resolves(root, Path::new("xtask"), "../Cargo.tom"));
        assert!(!resolves(root, Path::new("xtask"), "../../"));
        assert!(!resolves(root, Path::new(""), "/etc"));
    }

    #[test]
    fn dependencies_run_one_way() {
        let dependency = |name: &str, kind: Value| json!({"name": name, "kind": kind, "path": "/"});
        let metadata = json!({"packages": [
            {"name": "gumboot-websocket", "dependencies": [
                dependency("gumboot-websocket-proto", Value::Null),
                dependency("gumboot-broker", Value::Null),
                dependency("gumboot-testkit", "dev".into()),
            ]},
            {"name": "gumboot", "dependencies": [
                dependency("gumboot-testkit", Value::Null),
                dependency("gumboot-stomp-proto", "dev".into()),
                dependency("gumboot-stomp-proto", Value::Null),
            ]},
            {"name": "gumboot-new", "dependencies": []},
        ]});
        let expected = [
            "gumboot-websocket: gumboot-broker is not allowed as a dependency",
            "gumboot: gumboot-testkit is not allowed as a dependency",
            "gumboot: gumboot-stomp-proto is not allowed as a dependency",
            "gumboot-new: not in the table of crates in xtask/src/tidy.rs",
        ];
        assert_eq!(dependency_problems(&metadata), expected);
    }
}
