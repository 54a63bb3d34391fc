use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use chat_core::runtime::{Address, Listener};

use super::SimStream;
use super::network::stream;
use crate::runtime::Shared;

/// Accepts simulated connections, TCP-like or Unix-like.
pub struct SimListener {
    shared: Arc<Shared>,
    id: u64,
    address: Address,
}

impl SimListener {
    pub(super) fn new(shared: Arc<Shared>, id: u64, address: Address) -> Self {
        Self {
            shared,
            id,
            address,
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl Listener for SimListener {
    type Stream = SimStream;

    async fn accept(&self) -> io::Result<(SimStream, Address)> {
        // Nothing is awaited after this: giving up loses no connection.
        let (id, peer) = poll_fn(|cx| {
            let mut network = self.shared.network();
            network.accept(&self.shared, self.id, cx)
        })
        .await?;
        Ok((stream(&self.shared, id, 1), peer))
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(self.address.clone())
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let unaccepted = self.shared.network().unlisten(self.id);
        for id in unaccepted {
            drop(stream(&self.shared, id, 1));
        }
    }
}

impl fmt::Debug for SimListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimListener")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
