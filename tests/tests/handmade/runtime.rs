use std::future::Future;
use std::io;

use futures::executor::{self, ThreadPool};

use crate::timer::Alarms;

/// A pool of threads that polls futures, and a thread that wakes them in time.
#[derive(Clone)]
pub struct Handmade {
    pub pool: ThreadPool,
    pub alarms: Alarms,
}

impl Handmade {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            pool: ThreadPool::builder().pool_size(2).create()?,
            alarms: Alarms::start()?,
        })
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        executor::block_on(future)
    }
}
