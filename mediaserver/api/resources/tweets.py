"""`/tweets` and what people say about them: `/tweets/{id}/comments`, `/comments`."""

from mediaserver.api.resource import Resource, Within
from mediaserver.api.shapes import view_of
from mediaserver.domain.comments import Comment
from mediaserver.domain.tweets import Tweet
from mediaserver.domain.users import User
from mediaserver.usecases import comments, speech, tweets

TWEET_VIEW = view_of(Tweet, liked=(bool, ...))
COMMENT_VIEW = view_of(Comment, liked=(bool, ...))

TWEETS = Resource(
    path="/tweets",
    document=Tweet,
    create=("content",),
    update=("content",),
    filters=("user_id", ("hashtag", "hashtags"), ("mention", "mentions")),
    within=(Within(path="/users/{id}/tweets", parent=User, field="user_id"),),
    deletable=True,
    view=TWEET_VIEW,
    creates=tweets.post,
    updates=speech.edit,
    describes=speech.describe,
)

COMMENTS = Resource(
    path="/comments",
    document=Comment,
    listed=False,
    create=("content",),
    update=("content",),
    within=(
        Within(path="/tweets/{id}/comments", parent=Tweet, field="tweet_id", creates=True, sort=(("_id", 1),)),
    ),
    deletable=True,
    view=COMMENT_VIEW,
    creates=comments.post,
    updates=speech.edit,
    describes=speech.describe,
)
