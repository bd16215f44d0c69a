//! Handshakes before a stream begins: what their machines have in common.

/// One side of a handshake, fed in pieces of any size. It takes none of the bytes after it, which belong to the stream.
pub trait Handshake {
    /// The reason of a failure.
    type Error;

    /// Returns the bytes to send now; empty if there are none.
    fn take_outgoing(&mut self) -> Vec<u8>;

    /// Returns how many more bytes surely belong to the handshake, and may be read without touching the stream after
    /// it. 0: nothing is expected, now or at all.
    fn wanted(&self) -> usize;

    /// Takes a piece of at most [`Handshake::wanted`] bytes.
    ///
    /// # Errors
    /// The reason that ends the handshake. Call nothing of it afterwards.
    fn take(&mut self, piece: &[u8]) -> Result<(), Self::Error>;

    /// Takes the bytes that belong to the handshake, and returns their number.
    ///
    /// # Errors
    /// As [`Handshake::take`].
    fn receive(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        let mut used = 0;
        while used < bytes.len() && self.wanted() > 0 {
            let piece = self.wanted().min(bytes.len() - used);
            self.take(&bytes[used..used + piece])?;
            used += piece;
        }
        Ok(used)
    }
}

impl<H: Handshake + ?Sized> Handshake for Box<H> {
    type Error = H::Error;

    fn take_outgoing(&mut self) -> Vec<u8> {
        (**self).take_outgoing()
    }

    fn wanted(&self) -> usize {
        (**self).wanted()
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), H::Error> {
        (**self).take(piece)
    }
}
