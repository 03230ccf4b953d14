"""One merge long: what moved."""

from perennial.api.common import AGE as AGE
from perennial.api.common import ApiModel as ApiModel
from perennial.api.common import Column as Column
from perennial.api.common import Condition as Condition
from perennial.api.common import Conditions as Conditions
from perennial.api.common import Kind as Kind
from perennial.api.common import LocalRef as LocalRef
from perennial.api.common import Metadata as Metadata
from perennial.api.values import ByteSize as ByteSize
from perennial.api.values import Duration as Duration
from perennial.api.values import Json as Json
from perennial.api.values import Name as Name
from perennial.api.values import ObjectName as ObjectName
from perennial.api.values import ScorerName as ScorerName
from perennial.api.values import Sha256 as Sha256
from perennial.api.values import Text as Text
from perennial.api.values import Time as Time
from perennial.api.values import Uri as Uri
from perennial.api.values import byte_count as byte_count
from perennial.api.values import rule as rule
from perennial.api.values import seconds as seconds
from perennial.api.values import sized as sized
from perennial.api.values import within as within
