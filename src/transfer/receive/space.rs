//! Free space for accepted files, checked before their bytes arrive. Only a write shows whether it succeeds.

use std::collections::HashMap;

/// Bytes that are accepted between two queries of the file system.
const STEP_BYTES: u64 = 64 << 20;

/// Free space of the file system, queried from time to time.
#[derive(Default)]
pub(super) struct Space {
    /// Free bytes at the last query, less those accepted since.
    left_bytes: u64,
    /// Bytes accepted since the last query.
    since_bytes: u64,
    /// Bytes that were not received yet, by file and in all.
    outstanding: HashMap<u32, u64>,
    outstanding_bytes: u64,
}

impl Space {
    /// Reserves `bytes` for a file. Returns false if there is no room. `free_bytes` queries the file system;
    /// there is room if it returns `None`.
    pub(super) fn reserve(
        &mut self,
        file: u32,
        bytes: u64,
        free_bytes: impl FnOnce() -> Option<u64>,
    ) -> bool {
        if bytes > self.left_bytes || self.since_bytes > STEP_BYTES {
            let Some(free_bytes) = free_bytes() else { return true };
            self.left_bytes = free_bytes.saturating_sub(self.outstanding_bytes);
            self.since_bytes = 0;
        }
        if bytes > self.left_bytes {
            return false;
        }
        self.left_bytes -= bytes;
        self.since_bytes += bytes;
        self.ended(file);
        self.outstanding.insert(file, bytes);
        self.outstanding_bytes += bytes;
        true
    }

    /// Records written bytes: the file system counts them now.
    pub(super) fn written(&mut self, file: u32, bytes: u64) {
        if let Some(rest) = self.outstanding.get_mut(&file) {
            let bytes = bytes.min(*rest);
            *rest -= bytes;
            self.outstanding_bytes -= bytes;
        }
    }

    /// Releases the reservation of a file.
    pub(super) fn ended(&mut self, file: u32) {
        self.outstanding_bytes -= self.outstanding.remove(&file).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_takes_no_room() {
        let mut space = Space::default();
        assert!(space.reserve(1, 60, || Some(100)));
        assert!(!space.reserve(2, 60, || Some(100)));
        // Written bytes are neither free nor outstanding.
        space.written(1, 20);
        assert!(space.reserve(2, 40, || Some(80)));
        assert!(!space.reserve(3, 1, || Some(80)));
        space.ended(1);
        assert!(space.reserve(3, 40, || Some(80)));
        space.ended(2);
        space.ended(3);
        space.written(3, 9);
        assert!(space.reserve(4, 80, || Some(80)));
        // Written twice, as a block that was damaged.
        space.written(4, 70);
        space.written(4, 70);
        assert!(space.reserve(5, 10, || Some(10)));
        assert!(!space.reserve(6, 1, || Some(10)));
    }

    #[test]
    fn the_file_system_is_asked_now_and_then() {
        let mut space = Space::default();
        let mut asked = 0;
        for file in 0..1000 {
            let free = || {
                asked += 1;
                Some(1 << 40)
            };
            assert!(space.reserve(file, 1 << 20, free));
            space.written(file, 1 << 20);
            space.ended(file);
        }
        assert!((10..20).contains(&asked), "{asked}");
    }

    #[test]
    fn unknown_is_unknown() {
        let mut space = Space::default();
        assert!(space.reserve(1, u64::MAX, || None));
        assert!(space.reserve(2, u64::MAX, || None));
        assert!(!space.reserve(3, 2, || Some(1)));
    }
}
