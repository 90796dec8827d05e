"""Named actions over several documents, shared by REST and Socket.IO, by topic."""
