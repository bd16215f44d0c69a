//! What clients say about a file before they send it: it is remembered with its part, so that no other file continues that.

use crate::store::Origin;

/// The source of all parts that HTTP has brought: see [`Origin`].
const SOURCE: [u8; 32] = *b"sendall: a file sent by HTTP PUT";

/// The size and the time of a file, as far as the client tells them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) size_bytes: Option<u64>,
    /// Seconds since 1970.
    pub(super) mtime_seconds: Option<i64>,
}

impl Announced {
    /// Returns whether both can be the same file: the sizes are known and equal, and so are the times, if both are known.
    pub(super) fn may_be(&self, other: &Announced) -> bool {
        self.size_bytes.is_some()
            && self.size_bytes == other.size_bytes
            && [self.mtime_seconds, other.mtime_seconds].iter().flatten().min()
                == [self.mtime_seconds, other.mtime_seconds].iter().flatten().max()
    }

    /// Returns the same with what only the other one tells.
    pub(super) fn with(self, other: &Announced) -> Announced {
        Announced { mtime_seconds: self.mtime_seconds.or(other.mtime_seconds), ..self }
    }

    /// Returns the record that is kept with a part. `None`: a file of unknown size is never continued.
    pub(super) fn origin(&self) -> Option<Origin> {
        let size_bytes = self.size_bytes?;
        let mtime = self.mtime_seconds.map_or_else(|| "-".to_owned(), |seconds| seconds.to_string());
        Some(Origin { source: SOURCE, version: format!("{size_bytes} {mtime}") })
    }

    /// Reads the record of a part. `None`: its bytes are from elsewhere.
    pub(super) fn of_origin(origin: &Origin) -> Option<Announced> {
        let (size, mtime) = origin.version.split_once(' ')?;
        let mtime_seconds = if mtime == "-" { None } else { Some(mtime.parse().ok()?) };
        let announced = Announced { size_bytes: Some(size.parse().ok()?), mtime_seconds };
        (origin.source == SOURCE).then_some(announced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_of_the_same_size_and_time_continues_a_part() {
        let of = |size_bytes, mtime_seconds| Announced { size_bytes, mtime_seconds };
        for (one, other, is_same) in [
            (of(Some(7), None), of(Some(7), None), true),
            (of(Some(7), Some(1)), of(Some(7), None), true),
            (of(Some(7), Some(-1)), of(Some(7), Some(-1)), true),
            (of(Some(7), Some(1)), of(Some(7), Some(2)), false),
            (of(Some(7), Some(1)), of(Some(8), Some(1)), false),
            (of(None, Some(1)), of(None, Some(1)), false),
        ] {
            assert_eq!((one.may_be(&other), other.may_be(&one)), (is_same, is_same), "{one:?} {other:?}");
            let origin = one.origin();
            assert_eq!(origin.as_ref().and_then(Announced::of_origin), one.size_bytes.map(|_| one));
        }
        let foreign = Origin { source: [7; 32], version: "7 -".into() };
        assert_eq!(Announced::of_origin(&foreign), None);
    }
}
