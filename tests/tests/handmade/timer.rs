use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Instant, SystemTime};

use chat_core::runtime::{Sleep, Timer};

use crate::runtime::Handmade;

impl Timer for Handmade {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(self.alarms.sleep_until(deadline))
    }
}

/// Wakers to be woken at certain instants, and the thread that does it.
#[derive(Clone)]
pub struct Alarms(Arc<Shared>);

struct Shared {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Default)]
struct Pending {
    /// In the order of their instants; the number tells those of the same instant apart.
    wakers: BTreeMap<(Instant, u64), Waker>,
    made: u64,
}

impl Alarms {
    pub fn start() -> io::Result<Self> {
        let alarms = Self(Arc::new(Shared {
            pending: Mutex::default(),
            changed: Condvar::new(),
        }));
        let theirs = alarms.clone();
        thread::Builder::new()
            .name("alarms".into())
            .spawn(move || theirs.ring())?;
        Ok(alarms)
    }

    pub fn sleep_until(&self, deadline: Instant) -> HandmadeSleep {
        HandmadeSleep {
            deadline,
            alarm: None,
            alarms: self.clone(),
        }
    }

    fn set(&self, at: Instant, waker: Waker) -> (Instant, u64) {
        let mut pending = self.0.pending.lock().unwrap();
        pending.made += 1;
        let alarm = (at, pending.made);
        pending.wakers.insert(alarm, waker);
        self.0.changed.notify_one();
        alarm
    }

    fn clear(&self, alarm: (Instant, u64)) {
        self.0.pending.lock().unwrap().wakers.remove(&alarm);
    }

    fn ring(&self) {
        let mut pending = self.0.pending.lock().unwrap();
        loop {
            let now = Instant::now();
            match pending.wakers.first_entry() {
                Some(first) if first.key().0 <= now => {
                    let waker = first.remove();
                    // Without the lock: whoever is woken may come back at once for another alarm.
                    drop(pending);
                    waker.wake();
                    pending = self.0.pending.lock().unwrap();
                }
                Some(first) => {
                    let left = first.key().0 - now;
                    pending = self.0.changed.wait_timeout(pending, left).unwrap().0;
                }
                None => pending = self.0.changed.wait(pending).unwrap(),
            }
        }
    }
}

pub struct HandmadeSleep {
    deadline: Instant,
    /// The alarm of the last poll.
    alarm: Option<(Instant, u64)>,
    alarms: Alarms,
}

impl HandmadeSleep {
    fn disarm(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            self.alarms.clear(alarm);
        }
    }
}

impl Future for HandmadeSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Whoever polled before is not to be woken any more.
        self.disarm();
        if Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        self.alarm = Some(self.alarms.set(self.deadline, cx.waker().clone()));
        Poll::Pending
    }
}

impl Sleep for HandmadeSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.disarm();
        self.deadline = deadline;
    }
}

impl Drop for HandmadeSleep {
    fn drop(&mut self) {
        self.disarm();
    }
}
