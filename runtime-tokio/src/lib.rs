//! The chat library's runtime contract on [tokio].
//!
//! [`TokioRuntime`] is a handle to a tokio runtime: one of its own, or one that the program
//! already has. [`TokioStream`] makes anything that reads and writes the tokio way into a stream
//! for the library, and [`TokioSocket`] does for sockets, which it writes to a little faster.
//!
//! Nothing here needs to be called from inside tokio: timers and sockets are made inside the
//! runtime whichever thread asks for them.
//!
//! # Examples
//!
//! ```
//! use chat_core::runtime::{Address, Listener, Net, RuntimeExt};
//! use chat_runtime_tokio::TokioRuntime;
//! use futures::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # fn main() -> std::io::Result<()> {
//! let runtime = TokioRuntime::multi_thread()?;
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

mod late;
mod net;
mod runtime;
mod socket;
mod spawn;
mod stream;
mod timer;

pub use net::TokioListener;
pub use runtime::TokioRuntime;
pub use socket::TokioSocket;
pub use stream::TokioStream;
