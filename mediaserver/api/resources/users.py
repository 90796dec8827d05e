"""`/users`: people come through `/auth/register`; they change their own profile, admins roles and activity."""

from mediaserver.api.resource import Resource
from mediaserver.api.views import UserView
from mediaserver.domain.users import User
from mediaserver.usecases import erasure, users

USERS = Resource(
    path="/users",
    document=User,
    update=("profile", "profile_image", "role", "active"),
    filters=("role", "active"),
    view=UserView,
    deletable=True,
    updates=users.update,
    deletes=erasure.erase,
    describes=users.describe,
)
