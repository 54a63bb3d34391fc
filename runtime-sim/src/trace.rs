use std::collections::VecDeque;
use std::fmt;

/// What happened, and when, in a few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Happening {
    /// Nanoseconds of virtual time since the start.
    pub(crate) at: u64,
    pub(crate) what: What,
    /// Which task, connection or listener.
    pub(crate) subject: u64,
    /// How much of it.
    pub(crate) amount: u64,
}

macro_rules! whats {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// The kinds of [`Happening`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum What { $($(#[$doc])* $name,)* }

        impl What {
            fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

whats! {
    Spawn => "task {} was spawned by task {}",
    Poll => "task {} runs, with {} more ready",
    End => "task {} ended",
    Panic => "task {} panicked",
    Held => "task {} is held back for {} ns",
    Advance => "time moves on, and {} things are due",
    Connect => "connection {} comes in at listener {}",
    Refuse => "a connection to listener {} is refused ({})",
    Accept => "connection {} is accepted by listener {}",
    AcceptError => "listener {} reports an error ({} more to come)",
    Write => "connection end {} writes {} bytes",
    Read => "connection end {} reads {} bytes",
    Full => "connection end {} has no room to write ({} bytes wait)",
    Finish => "connection end {} sends FIN",
    Ended => "connection end {} reads the end",
    Drop => "connection end {} is dropped, with {} bytes unread",
    Reset => "connection {} is reset",
    Broken => "connection end {} finds it broken",
    Interrupt => "connection end {} is interrupted",
    Stall => "connection end {} is stalled for {} ns",
    Clog => "connection end {} is clogged for {} ns",
    Operation => "client {} does operation {}",
    Fault => "fault {} sets in",
    Deed => "the program does deed {}",
    Mark => "phase {}",
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.at / 1_000_000, self.at % 1_000_000);
        write!(f, "{whole:>8}.{part:06} ms  ")?;
        let mut numbers = [self.subject, self.amount].into_iter();
        for (index, piece) in self.what.text().split("{}").enumerate() {
            if index > 0
                && let Some(number) = numbers.next()
            {
                write!(f, "{number}")?;
            }
            f.write_str(piece)?;
        }
        Ok(())
    }
}

/// Everything that happened, as one number, and the last of it in full.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    count: u64,
    recent: VecDeque<Happening>,
    keep: usize,
}

impl Trace {
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            count: 0,
            recent: VecDeque::with_capacity(keep),
            keep,
        }
    }

    pub(crate) fn note(&mut self, happening: Happening) {
        let Happening {
            at,
            what,
            subject,
            amount,
        } = happening;
        for word in [at, what as u64, subject, amount] {
            // Multiply and fold: every bit of the word reaches every bit of the hash after a few steps.
            let mixed = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.hash = mixed ^ (mixed >> 29);
        }
        self.count += 1;
        if self.keep > 0 {
            if self.recent.len() == self.keep {
                self.recent.pop_front();
            }
            self.recent.push_back(happening);
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn recent(&self) -> impl Iterator<Item = &Happening> {
        self.recent.iter()
    }
}
