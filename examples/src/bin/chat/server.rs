use std::fmt;
use std::io;
#[cfg(unix)]
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use chat_core::client::Connector;
use chat_core::runtime::Net;
use chat_runtime_smol::SmolRuntime;
use futures::io::{AsyncRead, AsyncWrite};

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// A host and a port.
    Tcp(String),
    #[cfg(unix)]
    Unix(PathBuf),
}

impl FromStr for Server {
    type Err = &'static str;

    fn from_str(address: &str) -> Result<Self, Self::Err> {
        #[cfg(unix)]
        if let Some(path) = address.strip_prefix("unix:") {
            return match path {
                "" => Err("a path is needed, such as unix:/tmp/chat.sock"),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let port = address
            .rsplit_once(':')
            .map(|(_, port)| port.parse::<u16>());
        match port {
            Some(Ok(_)) => Ok(Self::Tcp(address.to_owned())),
            _ => Err("a host and a port are needed, such as 127.0.0.1:8080"),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            #[cfg(unix)]
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A connection of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to the server, as often as it is asked to.
pub(crate) fn connector(net: SmolRuntime, server: Server) -> impl Connector {
    let net = Arc::new(net);
    move || {
        let (net, server) = (Arc::clone(&net), server.clone());
        async move { connect(&net, &server).await }
    }
}

async fn connect(net: &SmolRuntime, server: &Server) -> io::Result<Box<dyn Stream>> {
    let address = match server {
        Server::Tcp(address) => address.clone(),
        #[cfg(unix)]
        Server::Unix(path) => return Ok(Box::new(net.connect_unix(path).await?)),
    };
    // A name may stand for several addresses, and for others tomorrow.
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in smol::net::resolve(address).await? {
        match net.connect_tcp(address).await {
            Ok(stream) => return Ok(Box::new(stream)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_a_port_or_a_path() {
        for address in ["127.0.0.1:8080", "[::1]:8080", "chat.example:6667"] {
            assert_eq!(address.parse(), Ok(Server::Tcp(address.to_owned())));
        }
        for none in ["", "localhost", "localhost:", ":x", "host:99999"] {
            assert!(none.parse::<Server>().is_err(), "{none}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_is_a_path() {
        assert_eq!("unix:a b".parse(), Ok(Server::Unix("a b".into())));
        assert!("unix:".parse::<Server>().is_err());
    }
}
