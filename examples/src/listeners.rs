//! The sockets that the command line asks for.

use std::io::{self, Write};
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::{Path, PathBuf};

use chat_core::runtime::{Address, Net};
use thiserror::Error;

use crate::cli::Options;
#[cfg(unix)]
use crate::socket_file::{self, SocketFile};

/// Bound sockets. Nobody is accepted before a server listens on them, so that all can be had before
/// the first person comes in.
#[non_exhaustive]
pub struct Listeners<N: Net> {
    /// Those on TCP.
    pub tcp: Vec<N::TcpListener>,
    /// That for metrics.
    pub metrics: Option<N::TcpListener>,
    /// Those on Unix sockets.
    #[cfg(unix)]
    pub unix: Vec<N::UnixListener>,
    /// The files of the Unix sockets, which are removed when this is dropped.
    #[cfg(unix)]
    pub files: Vec<SocketFile>,
}

impl<N: Net> Listeners<N> {
    /// Binds what `options` ask for.
    ///
    /// # Errors
    ///
    /// Names the first socket that cannot be had; nothing stays bound then.
    pub async fn bind(net: &N, options: &Options) -> Result<Self, BindError> {
        let mut listeners = Self {
            tcp: Vec::new(),
            metrics: None,
            #[cfg(unix)]
            unix: Vec::new(),
            #[cfg(unix)]
            files: Vec::new(),
        };
        for &addr in options.tcp() {
            listeners.tcp.push(bind_tcp(net, addr).await?);
        }
        if let Some(addr) = options.metrics {
            listeners.metrics = Some(bind_tcp(net, addr).await?);
        }
        #[cfg(unix)]
        for path in &options.unix {
            let bound = bind_unix(net, path).await;
            let at = || Address::Unix(Some(PathBuf::from(path)));
            let (listener, file) = bound.map_err(|error| BindError::new(at(), error))?;
            listeners.unix.push(listener);
            listeners.files.push(file);
        }
        Ok(listeners)
    }
}

/// Tells whoever started the server, a person or a script, that one can connect to `address` now.
pub fn announce(address: &Address) {
    let mut stdout = io::stdout().lock();
    // A script that has read enough may have closed it.
    let _ = writeln!(stdout, "listening on {address}").and_then(|()| stdout.flush());
}

async fn bind_tcp<N: Net>(net: &N, addr: SocketAddr) -> Result<N::TcpListener, BindError> {
    let bound = net.bind_tcp(addr).await;
    bound.map_err(|error| BindError::new(addr.into(), error))
}

#[cfg(unix)]
async fn bind_unix<N: Net>(net: &N, path: &Path) -> io::Result<(N::UnixListener, SocketFile)> {
    socket_file::clear_stale(path)?;
    let listener = net.bind_unix(path).await?;
    Ok((listener, SocketFile::of(path)?))
}

/// A socket cannot be had.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {}", in_words(source))]
pub struct BindError {
    address: Address,
    source: io::Error,
}

impl BindError {
    fn new(address: Address, source: io::Error) -> Self {
        Self { address, source }
    }
}

/// What the system says, without its number and as the end of a sentence.
fn in_words(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::AddrInUse {
        return "address already in use".to_owned();
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}
