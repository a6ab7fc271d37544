use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{ReadHalf, WriteHalf},
    time::sleep,
};

use crate::{Direction, Mode, proxy::Shared};

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By one of its ends, or by a cut.
    Closed,
    /// By a reset.
    Reset,
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset => Self::Reset,
            _ => Self::Closed,
        }
    }
}

/// Forwards one direction of a connection until its stream ends; anything else is an `Err`.
pub(crate) async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    direction: Direction,
    shared: &Shared,
    mut random: fastrand::Rng,
) -> Result<(), Ending> {
    let mut setting = shared.setting.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    let (mut nth, mut passed, mut lost) = (setting.borrow().nth, 0_u64, false);
    loop {
        let now = *setting.borrow_and_update();
        if now.nth != nth {
            (nth, passed) = (now.nth, 0);
        }
        match now.mode {
            mode if lost && mode != Mode::Blackhole => return Err(Ending::Reset),
            Mode::Hang => {
                let _ = setting.changed().await;
                continue;
            }
            Mode::HalfClose if direction == Direction::ToClient => {
                to.shutdown().await?;
                return Ok(());
            }
            Mode::Cut {
                direction: cut,
                after,
            } if cut == direction && passed >= after => return Err(Ending::Closed),
            _ => {}
        }
        let read = tokio::select! {
            biased;
            _ = setting.changed() => continue,
            read = from.read(&mut buffer) => read?,
        };
        if read == 0 {
            to.shutdown().await?;
            return Ok(());
        }
        let mut bytes = &mut buffer[..read];
        match now.mode {
            Mode::Blackhole => {
                lost = true;
                continue;
            }
            Mode::Delay { delay, jitter } => {
                let wait = delay + jitter.mul_f64(random.f64());
                // Setting another mode ends the wait.
                tokio::select! {
                    () = sleep(wait) => {}
                    _ = setting.changed() => setting.mark_changed(),
                }
            }
            Mode::Throttle { bytes_per_second } => {
                let rate = bytes_per_second.max(1);
                for piece in bytes.chunks(rate.div_ceil(50) as usize) {
                    to.write_all(piece).await?;
                    shared.count(direction, piece.len());
                    sleep(Duration::from_secs_f64(
                        piece.len() as f64 / f64::from(rate),
                    ))
                    .await;
                }
                bytes = &mut [];
            }
            Mode::Cut {
                direction: cut,
                after,
            } if cut == direction => {
                let room = usize::try_from(after - passed).unwrap_or(usize::MAX);
                bytes = &mut bytes[..read.min(room)];
            }
            Mode::Corrupt {
                direction: corrupt,
                nth,
            } if corrupt == direction => {
                let offset = nth
                    .checked_sub(passed)
                    .and_then(|offset| usize::try_from(offset).ok());
                if let Some(byte) = offset.and_then(|offset| bytes.get_mut(offset)) {
                    *byte = !*byte;
                }
            }
            _ => {}
        }
        to.write_all(bytes).await?;
        shared.count(direction, bytes.len());
        passed += read as u64;
    }
}
