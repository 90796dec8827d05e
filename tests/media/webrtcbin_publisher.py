"""A client made of GStreamer's webrtcbin, which publishes a tone and a moving picture.

Runs under Debian's own Python, which has the GStreamer bindings: no third-party imports and nothing of ours.
Writes JSON lines to stdout, `{"offer": sdp}` and then `{"state": name}` for each connection state, and reads
`{"answer": sdp}` from stdin. It ends with the end of stdin.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PIPELINE = """
webrtcbin name=webrtc bundle-policy=max-bundle
audiotestsrc is-live=true wave=sine ! audioconvert ! audioresample ! opusenc ! rtpopuspay pt=111
  ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! webrtc.
videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=15/1 ! vp8enc deadline=1
  keyframe-max-dist=15 ! rtpvp8pay pt=96 picture-id-mode=15-bit
  ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! webrtc.
"""


def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Publisher:
    def __init__(self):
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.parse_launch(PIPELINE)
        self.webrtc = self.pipeline.get_by_name("webrtc")
        self.webrtc.connect("on-negotiation-needed", self.negotiate)
        self.webrtc.connect("notify::connection-state", self.state_changed)
        self.webrtc.connect("notify::ice-gathering-state", self.gathered)
        GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, self.read)

    def negotiate(self, _webrtc):
        for index in range(2):
            transceiver = self.webrtc.emit("get-transceiver", index)
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        self.create_offer()

    def create_offer(self):
        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offer_created))
        return False

    def offer_created(self, promise):
        promise.wait()
        reply = promise.get_reply()  # owns the offer
        offer = reply.get_value("offer")
        if offer.sdp is None:  # the encoders have said nothing of their output yet
            GLib.timeout_add(50, self.create_offer)
            return
        self.webrtc.emit("set-local-description", offer, Gst.Promise.new())

    def gathered(self, _webrtc, _property):
        if self.webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            say(offer=self.webrtc.get_property("local-description").sdp.as_text())

    def state_changed(self, _webrtc, _property):
        say(state=self.webrtc.get_property("connection-state").value_nick)

    def read(self, _fd, _condition):
        line = sys.stdin.readline()
        if not line:
            self.loop.quit()
            return False
        _, sdp = GstSdp.SDPMessage.new_from_text(json.loads(line)["answer"])
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.webrtc.emit("set-remote-description", answer, Gst.Promise.new())
        return True

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)


Gst.init(None)
Publisher().run()
