use std::time::Duration;

/// What the proxy does to bytes and connections. Offsets count from when the mode was set, or from the start of a
/// later connection, for each direction by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Forwards everything.
    Pass,
    /// Lets each chunk wait for `delay`, and up to `jitter` more. Chunks stay in order, and wait one after the other.
    Delay {
        /// The least wait.
        delay: Duration,
        /// The most that is added to it.
        jitter: Duration,
    },
    /// Forwards no more than this in each direction.
    Throttle {
        /// The speed of one connection.
        bytes_per_second: u32,
    },
    /// Accepts, reads, and forwards nothing. A connection that lost bytes so is reset when the mode ends: no network
    /// loses bytes in the middle of a connection.
    Blackhole,
    /// Accepts nobody, so that new connections wait in the backlog; those that are open stand still.
    Hang,
    /// Resets every connection, the new ones as well.
    Reset,
    /// Closes a connection after it has forwarded this many bytes, in the middle of whatever they are.
    Cut {
        /// Whose bytes are counted.
        direction: Direction,
        /// How many are let through.
        after: u64,
    },
    /// Ends the stream to the client, and still forwards what the client sends.
    HalfClose,
    /// Flips every bit of one byte.
    Corrupt {
        /// Whose bytes are counted.
        direction: Direction,
        /// Which byte, from 0.
        nth: u64,
    },
}

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// What the client sends.
    ToServer,
    /// What the server answers.
    ToClient,
}
