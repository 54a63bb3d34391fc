//! The chat library's runtime contract on [smol].
//!
//! [`SmolRuntime`] spawns on smol's global executor, or on one of the caller's; timers and sockets
//! come from async-io, smol's reactor, which all executors share.
//!
//! # Examples
//!
//! ```
//! use chat_core::runtime::{Address, Listener, Net, RuntimeExt};
//! use chat_runtime_smol::SmolRuntime;
//! use futures_lite::{AsyncReadExt, AsyncWriteExt};
//!
//! # fn main() -> std::io::Result<()> {
//! let runtime = SmolRuntime::new();
//! runtime.block_on(async {
//!     let listener = runtime.bind_tcp(([127, 0, 0, 1], 0).into()).await?;
//!     let Address::Tcp(addr) = listener.local_addr()? else { unreachable!() };
//!
//!     let net = runtime.clone();
//!     let client = runtime.spawn(async move { net.connect_tcp(addr).await?.write_all(b"hello").await });
//!
//!     let (mut stream, _) = listener.accept().await?;
//!     let mut heard = String::new();
//!     stream.read_to_string(&mut heard).await?;
//!     assert_eq!(heard, "hello");
//!     client.await.expect("the client ran to its end")
//! })
//! # }
//! ```
#![forbid(unsafe_code)]

mod net;
mod runtime;
mod spawn;
mod stream;
mod timer;

pub use net::SmolListener;
pub use runtime::SmolRuntime;
pub use stream::{SmolStream, Socket};
