//! The file of a Unix socket, which nobody removes but us.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// The file of a listening Unix socket; dropping it removes the file, unless somebody else's is in
/// its place by then.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    /// Takes charge of the file at `path`, where a listener was just bound.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}

/// Removes the socket at `path` if it is one that nobody listens on any more, such as a server that
/// was killed leaves behind.
///
/// # Errors
///
/// [`AddrInUse`](io::ErrorKind::AddrInUse) when somebody listens on it;
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when the file is no socket. Neither is touched.
pub fn clear_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if file.file_type().is_socket() => {}
        Ok(_) => {
            let error = "there is a file of that name which is not a socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, error));
        }
    }
    // A live listener takes no datagrams, and says so; it gets to hear nothing of it, as it would
    // of a connection.
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "removing the socket of a dead server");
            fs::remove_file(path)
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// What tells the file at `path` from another one that takes its place.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}
