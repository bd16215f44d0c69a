//! A file in blocks of 4 MiB, each of which is verified, from all servers at once.

use super::lane::LaneEvent;
use super::queue::{BlockEnd, BlockQueue, Run};
use super::tree::Tree;
use super::{Fetching, Step, Turn};
use crate::error::{Error, Exit};
use crate::net::wall::parse_http_date;
use crate::proto::http::{ContentRange, ResponseHead, ResponseLength};
use crate::store::{BLOCK_BYTES, BlockValue, Part};

/// How often one connection is advanced before the others get their turn.
const EVENTS_PER_TURN: usize = 8;

/// A file that comes in blocks.
pub(super) struct Blocks {
    part: Part,
    tree: Tree,
    queue: BlockQueue,
    /// What each connection brings.
    runs: Vec<Option<Run>>,
    modified: Option<i64>,
    is_shown: bool,
}

/// What a connection has done.
enum Flow {
    Waits,
    Moved,
}

impl Blocks {
    /// A file with this tree, and a part of it whose blocks have these values.
    pub(super) fn new(part: Part, tree: Tree, have: &[BlockValue]) -> Blocks {
        let queue = BlockQueue::new(tree.size, tree.values.clone(), have);
        Blocks { part, tree, queue, runs: Vec::new(), modified: None, is_shown: false }
    }

    /// Keeps the blocks that are there for a later session.
    fn keep(mut self) {
        self.part.keep_if_dropped(false);
        if self.queue.verified_bytes() > 0 {
            self.part.keep();
        }
    }
}

impl Fetching {
    pub(super) fn blocks(&mut self, mut blocks: Box<Blocks>) -> Result<Turn, Error> {
        match self.advance_blocks(&mut blocks) {
            Ok(Flow::Waits) if blocks.queue.is_complete() => {
                let Blocks { mut part, tree, modified, .. } = *blocks;
                part.set_len(tree.size).map_err(|fault| self.store_error(&fault))?;
                self.commit(part, (tree.hash, tree.size), modified, true)
            }
            Ok(Flow::Waits) => Ok(Turn::Wait(Step::Blocks(blocks))),
            Ok(Flow::Moved) => Ok(Turn::Again(Step::Blocks(blocks))),
            Err(error) => {
                blocks.keep();
                Err(error)
            }
        }
    }

    fn advance_blocks(&mut self, blocks: &mut Blocks) -> Result<Flow, Error> {
        if !blocks.is_shown {
            self.begin_blocks(blocks)?;
        }
        loop {
            let mut has_moved = false;
            for lane in 0..self.lanes.len() {
                // A fast connection must not keep the others from their turn.
                for _ in 0..EVENTS_PER_TURN {
                    if matches!(self.advance_lane(blocks, lane)?, Flow::Waits) {
                        break;
                    }
                    has_moved = true;
                }
            }
            // What one connection has given back another may take.
            if !has_moved || blocks.queue.is_complete() {
                return Ok(Flow::Waits);
            }
            if self.budget_bytes == 0 {
                return Ok(Flow::Moved);
            }
        }
    }

    fn begin_blocks(&mut self, blocks: &mut Blocks) -> Result<(), Error> {
        let have = blocks.queue.verified_bytes();
        let allocated = blocks.part.allocated_bytes();
        self.check_size(blocks.tree.size, blocks.tree.size.saturating_sub(allocated.max(have)))?;
        blocks.part.keep_if_dropped(true);
        blocks.runs = self.lanes.iter().map(|_| None).collect();
        self.resumed_bytes = have;
        self.show(Some(blocks.tree.size), have);
        blocks.is_shown = true;
        Ok(())
    }

    /// Advances one connection by one event. `Waits`: it has nothing to do now.
    fn advance_lane(&mut self, blocks: &mut Blocks, lane: usize) -> Result<Flow, Error> {
        let mirror = self.lanes[lane].0;
        if self.is_pending(mirror) {
            if lane == mirror {
                self.hear_tree(mirror)?;
                self.compare(mirror, Some(&blocks.tree))?;
            }
            return Ok(if self.is_pending(mirror) { Flow::Waits } else { Flow::Moved });
        }
        if !self.is_used(mirror) {
            return Ok(Flow::Waits);
        }
        let result = self.bring(blocks, lane);
        result.or_else(|failure| {
            let error = match failure {
                Failure::Remote(error) => error,
                Failure::Local(error) => return Err(error),
            };
            for (other, run) in blocks.runs.iter_mut().enumerate() {
                if self.lanes[other].0 == mirror {
                    blocks.queue.give_back(other);
                    *run = None;
                }
            }
            self.drop_mirror(mirror, error).map(|()| Flow::Moved)
        })
    }

    fn bring(&mut self, blocks: &mut Blocks, lane: usize) -> Result<Flow, Failure> {
        let mirror = self.lanes[lane].0;
        if blocks.runs[lane].is_none() {
            let lanes = self.lanes.iter().filter(|(mirror, _)| self.is_used(*mirror)).count();
            let Some(run) = blocks.queue.take(lane, lanes) else { return Ok(Flow::Waits) };
            let (first, end) = run.range();
            let fields = match (first, end == blocks.tree.size) {
                // A server without ranges answers the same.
                (0, true) => "Accept: */*\r\n".to_owned(),
                _ => format!("Accept: */*\r\nRange: bytes={first}-{}\r\n", end - 1),
            };
            blocks.runs[lane] = Some(run);
            let asked = self.lanes[lane].1.ask(self.mirrors[mirror].url.clone(), fields, self.now);
            asked.map_err(Failure::Remote)?;
        }
        match self.lanes[lane].1.next(self.now).map_err(Failure::Remote)? {
            LaneEvent::Blocked => return Ok(Flow::Waits),
            LaneEvent::Head(head) => self.blocks_head(blocks, lane, &head)?,
            LaneEvent::Body => self.blocks_body(blocks, lane)?,
            LaneEvent::End => {
                let is_short = blocks.runs[lane].take().is_some_and(|run| run.range().0 < run.range().1);
                blocks.queue.give_back(lane);
                if is_short {
                    return Err(Failure::Remote(Error::new(Exit::Lost, "the answer ended too early")));
                }
            }
        }
        Ok(Flow::Moved)
    }

    fn blocks_head(&mut self, blocks: &mut Blocks, lane: usize, head: &ResponseHead) -> Result<(), Failure> {
        let Some(run) = &mut blocks.runs[lane] else { return Ok(()) };
        let (first, end) = run.range();
        let size = blocks.tree.size;
        let other = |size: u64| {
            let text = format!("it has another file, of {size} bytes");
            Failure::Remote(Error::new(Exit::Integrity, text))
        };
        match (head.status, head.content_range) {
            (200 | 206, _) if head.coding.is_some() => {
                let text = "the server sends the file with a coding, although it was asked not to";
                return Err(Failure::Remote(Error::new(Exit::Refused, text)));
            }
            (200, _) => {
                if let ResponseLength::Counted(length) = head.length
                    && length != size
                {
                    return Err(other(length));
                }
                if (first, end) != (0, size) {
                    blocks.queue.give_back(lane);
                    *run = blocks.queue.take_all(lane);
                }
            }
            (206 | 416, Some(ContentRange { size: Some(theirs), .. })) if theirs != size => {
                return Err(other(theirs));
            }
            (206, Some(ContentRange { range, size: Some(_) })) if range == Some((first, end)) => {}
            (206, _) => {
                let text = "the server sends another part than was asked for";
                return Err(Failure::Remote(Error::new(Exit::Integrity, text)));
            }
            (status, _) => return Err(Failure::Remote(self.status_error(status))),
        }
        // Further requests need not take the same redirects.
        let (mirror, lane) = &self.lanes[lane];
        self.mirrors[*mirror].url = lane.url().clone();
        let modified = head.last_modified.as_deref().and_then(parse_http_date);
        blocks.modified = blocks.modified.or(modified);
        Ok(())
    }

    fn blocks_body(&mut self, blocks: &mut Blocks, index: usize) -> Result<(), Failure> {
        let lane = &mut self.lanes[index].1;
        let Some(run) = &mut blocks.runs[index] else { return Ok(()) };
        let bytes = lane.body();
        let piece = blocks.queue.next_piece(run, bytes.len());
        let bytes = &bytes[..piece.count];
        if bytes.is_empty() {
            // More than was announced: nothing of it is written.
            return Err(Failure::Remote(Error::new(
                Exit::Integrity,
                "the server sends more than was asked for",
            )));
        }
        let mut written = Ok(());
        if let Some(at) = piece.write_at {
            written = blocks.part.write_at(at, bytes);
        }
        let end = blocks.queue.taken(run, bytes);
        lane.consume(piece.count);
        written.map_err(|fault| Failure::Local(self.store_error(&fault)))?;
        if piece.write_at.is_some() {
            self.progress.moved(piece.count as u64);
        }
        self.moved(piece.count);
        match end {
            BlockEnd::Nothing | BlockEnd::Verified(_) => Ok(()),
            BlockEnd::Wrong(start) => {
                self.progress.not_there(BLOCK_BYTES.min(blocks.tree.size - start));
                Err(Failure::Remote(self.wrong_block(start)))
            }
        }
    }
}

/// Why a connection cannot go on.
enum Failure {
    /// Because of its server: the others may have the block.
    Remote(Error),
    Local(Error),
}
