// Runs once, on an empty volume, as the administrator: a user for the server with one database and nothing else.
db.getSiblingDB("mediaserver").createUser({
  user: "mediaserver",
  pwd: process.env.MEDIASERVER_PASSWORD,
  roles: [{ role: "readWrite", db: "mediaserver" }],
});
