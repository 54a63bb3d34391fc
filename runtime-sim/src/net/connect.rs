use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chat_core::runtime::{Address, Net, RuntimeExt};

use super::network::stream;
use super::{Rates, SimListener, SimStream};
use crate::SimRuntime;

/// Where to connect to.
pub(crate) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl SimRuntime {
    /// Makes the network as good or bad as `rates` say, from now on.
    pub fn set_rates(&self, rates: Rates) {
        self.shared.network().set_rates(rates);
    }

    /// How many connections somebody still holds an end of, and how many bytes wait in them.
    pub fn connections_left(&self) -> (usize, usize) {
        self.shared.network().left()
    }

    /// Connects as a client that faults can be aimed at.
    pub(crate) async fn connect_as(
        &self,
        client: Option<u32>,
        place: Place,
    ) -> io::Result<SimStream> {
        let delay = self.shared.network().connect_delay(&self.shared, client)?;
        if delay > 0 {
            self.sleep(Duration::from_nanos(delay)).await;
        }
        let mut network = self.shared.network();
        let (listener, peer) = match &place {
            Place::Tcp(addr) => {
                let port = network.next_port();
                let ip = client.map_or(Ipv4Addr::LOCALHOST, |client| {
                    // Four clients share an address.
                    Ipv4Addr::from_bits(0x0a00_0001 + client / 4)
                });
                (network.find_tcp(*addr)?, Address::Tcp((ip, port).into()))
            }
            Place::Unix(path) => (network.find_unix(path)?, Address::Unix(None)),
        };
        let id = network.connect(&self.shared, listener, client, peer)?;
        Ok(stream(&self.shared, id, 0))
    }

    fn listener(&self, id: u64, address: Address) -> SimListener {
        SimListener::new(Arc::clone(&self.shared), id, address)
    }
}

impl Net for SimRuntime {
    type TcpStream = SimStream;
    type TcpListener = SimListener;
    #[cfg(unix)]
    type UnixStream = SimStream;
    #[cfg(unix)]
    type UnixListener = SimListener;

    async fn bind_tcp(&self, addr: SocketAddr) -> io::Result<SimListener> {
        let (id, addr) = self.shared.network().bind_tcp(addr)?;
        Ok(self.listener(id, Address::Tcp(addr)))
    }

    async fn connect_tcp(&self, addr: SocketAddr) -> io::Result<SimStream> {
        self.connect_as(None, Place::Tcp(addr)).await
    }

    #[cfg(unix)]
    async fn bind_unix(&self, path: &Path) -> io::Result<SimListener> {
        let id = self.shared.network().bind_unix(path.to_owned())?;
        Ok(self.listener(id, Address::Unix(Some(path.to_owned()))))
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &Path) -> io::Result<SimStream> {
        self.connect_as(None, Place::Unix(path.to_owned())).await
    }
}
