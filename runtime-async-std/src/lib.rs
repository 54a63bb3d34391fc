//! The chat library's runtime contract on [async-std].
//!
//! **async-std is discontinued** ([RUSTSEC-2025-0052]). This crate is for programs that are built
//! on it and have not moved yet; for everything new take `chat-runtime-smol`, as smol is the
//! successor that async-std names, and moving is little work.
//!
//! [`AsyncStdRuntime`] uses async-std's own sockets, timers and executor.
//!
//! [async-std]: https://docs.rs/async-std
//! [RUSTSEC-2025-0052]: https://rustsec.org/advisories/RUSTSEC-2025-0052
//!
//! # Examples
//!
//! ```
//! use chat_core::runtime::{Address, Listener, Net, RuntimeExt};
//! use chat_runtime_async_std::AsyncStdRuntime;
//! use futures::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # fn main() -> std::io::Result<()> {
//! let runtime = AsyncStdRuntime;
//! runtime.block_on(async {
//!     let listener = runtime.bind_tcp(([127, 0, 0, 1], 0).into()).await?;
//!     let Address::Tcp(addr) = listener.local_addr()? else { unreachable!() };
//!
//!     let client = runtime
//!         .spawn(async move { runtime.connect_tcp(addr).await?.write_all(b"hello").await });
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
mod tcp;
mod timer;
#[cfg(unix)]
mod unix;

pub use runtime::AsyncStdRuntime;
pub use tcp::{AsyncStdTcpListener, AsyncStdTcpStream};
#[cfg(unix)]
pub use unix::{AsyncStdUnixListener, AsyncStdUnixStream};
