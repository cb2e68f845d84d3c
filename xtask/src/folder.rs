//! What a server that others wrote is given: a folder of its own, and free ports.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::context::Failure;
use crate::process;

/// A folder below the target folder.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Without what the last run has left there.
    pub(crate) fn empty(path: PathBuf) -> Result<Self, Failure> {
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|error| failed("remove", &path, &error))?;
        }
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join(name);
        process::create(&path)?;
        fs::write(&path, text).map_err(|error| failed("write", &path, &error))?;
        Ok(path)
    }

    /// Writes a file that can be run.
    pub(crate) fn write_program(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.write(name, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .map_err(|error| failed("make executable", &path, &error))?;
        Ok(path)
    }
}

/// Ports that are free now, for servers that cannot say which they took.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], Failure> {
    let mut listeners = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0");
        let address = listener.and_then(|listener| {
            let address = listener.local_addr();
            listeners.push(listener);
            address
        });
        *port = address
            .map_err(|error| Failure::Broken(format!("no free port: {error}")))?
            .port();
    }
    Ok(ports)
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Broken(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn free_ports_are_different() {
        let ports: [u16; 4] = free_ports().expect("there are some");
        assert_eq!(BTreeSet::from(ports).len(), ports.len());
    }
}
