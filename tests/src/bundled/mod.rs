//! Harnesses for the runtimes of this repository.

mod async_std;
mod smol;
mod tokio;

pub use async_std::AsyncStd;
pub use smol::{SmolExecutor, SmolGlobal};
pub use tokio::{TokioCurrentThread, TokioHandle, TokioMultiThread};
